#!/usr/bin/env python3
"""Golden values of a training step of networks around a residual quantizer, by PyTorch in float64.

    pip install torch safetensors 'numpy<2'
    python make_rqvae_step.py      # writes rqvae_step/

start.safetensors: networks before; x.npy, codebooks.npy: a batch and codewords before. For each way
of passing the quantizer (ste, rotation) and of learning codewords (ema, grad), after STEPS steps of
torch.optim.AdamW on the same batch: <way>_<update>.safetensors (networks), .npy (codewords).
"""
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent / "rqvae_step"
here.mkdir(exist_ok=True)
N, DIM, LATENT, K, L, STEPS = 48, 20, 6, 8, 3, 3
WIDTHS = [DIM, 24, 12, LATENT]
BETA, LR, WEIGHT_DECAY, DECAY, EPS = 0.25, 1e-2, 0.05, 0.9, 1e-5
torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


def rounded(t):
    return t.float().double()


def net(widths):
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers.append(torch.nn.Linear(a, b))
        if i + 2 < len(widths):
            layers.append(torch.nn.ReLU())
    m = torch.nn.Sequential(*layers)
    for p in m.parameters():
        p.data = rounded(p.data * 1.5)
    return m


def save(path, encoder, decoder):
    out = {"mean": np.zeros(DIM, np.float32), "scale": np.ones(1, np.float32)}
    for name, m in (("encoder", encoder), ("decoder", decoder)):
        for i, layer in enumerate(l for l in m if isinstance(l, torch.nn.Linear)):
            out[f"{name}.{i}.weight"] = layer.weight.detach().float().numpy()
            out[f"{name}.{i}.bias"] = layer.bias.detach().float().numpy()
    save_file(out, path)


def rotate(z, q):
    """|q| / |z| R z with R z / |z| = q / |q|; R and the scale are constants to the gradient."""
    with torch.no_grad():
        a = z / z.norm(dim=1, keepdim=True)
        b = q / q.norm(dim=1, keepdim=True)
        s = (a + b) / (a + b).norm(dim=1, keepdim=True)
        eye = torch.eye(LATENT).expand(len(z), -1, -1)
        R = eye - 2 * s[:, :, None] * s[:, None] + 2 * b[:, :, None] * a[:, None]
        R = R * (q.norm(dim=1) / z.norm(dim=1))[:, None, None]
    return torch.einsum("nij,nj->ni", R, z)


start = (net(WIDTHS), net(WIDTHS[::-1]))
x = rounded(torch.randn(N, DIM))
with torch.no_grad():
    spread = start[0](x).std()
books = rounded(torch.randn(L, K, LATENT) * torch.tensor([1.0, 0.6, 0.3])[:, None, None] * spread)
save(here / "start.safetensors", *start)
np.save(here / "x.npy", x.float().numpy())
np.save(here / "codebooks.npy", books.float().numpy())

for way in ("ste", "rotation"):
    for update in ("ema", "grad"):
        encoder, decoder = net(WIDTHS), net(WIDTHS[::-1])
        encoder.load_state_dict(start[0].state_dict())
        decoder.load_state_dict(start[1].state_dict())
        c = torch.nn.Parameter(books.clone(), requires_grad=update == "grad")
        params = [p for m in (encoder, decoder) for p in m.parameters()]
        plain = [p for p in params if p.dim() == 1] + ([c] if update == "grad" else [])
        optimizer = torch.optim.AdamW(
            [{"params": [p for p in params if p.dim() == 2], "weight_decay": WEIGHT_DECAY},
             {"params": plain, "weight_decay": 0.0}], lr=LR)
        counts = torch.full((L, K), N / K)
        sums = counts[:, :, None] * c.detach()
        for _ in range(STEPS):
            z = encoder(x)
            r, q, loss = z, torch.zeros_like(z), 0
            moved = c.detach().clone()
            for l in range(L):
                code = torch.cdist(r, c[l]).argmin(1)
                e = c[l][code]
                loss = loss + ((r.detach() - e) ** 2).sum() / N
                loss = loss + BETA * ((r - e.detach()) ** 2).sum() / N
                hot = torch.nn.functional.one_hot(code, K).double()
                counts[l] = DECAY * counts[l] + (1 - DECAY) * hot.sum(0)
                sums[l] = DECAY * sums[l] + (1 - DECAY) * hot.T @ r.detach()
                total = counts[l].sum()
                moved[l] = sums[l] / ((counts[l] + EPS) / (total + K * EPS) * total)[:, None]
                r, q = r - e.detach(), q + e.detach()
            passed = z + (q - z).detach() if way == "ste" else rotate(z, q)
            loss = loss + ((decoder(passed) - x) ** 2).sum() / N
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if update == "ema":
                c.data = moved
        save(here / f"{way}_{update}.safetensors", encoder, decoder)
        np.save(here / f"{way}_{update}.npy", c.detach().float().numpy())
