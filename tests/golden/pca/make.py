"""Principal components by scikit-learn; the outputs are committed."""
import os

import numpy as np
from sklearn.decomposition import PCA

HERE = os.path.dirname(os.path.abspath(__file__))
DIMS = 5


def save(name, array):
    np.save(os.path.join(HERE, name + ".npy"), np.asarray(array, np.float32))


rng = np.random.default_rng(11)
x = (rng.normal(size=(301, 12)) * np.geomspace(4, 0.2, 12)) @ np.linalg.qr(rng.normal(size=(12, 12)))[0] + rng.normal(size=12) * 3
x = x.astype(np.float32)
save("x", x)
for name, whiten in (("plain", False), ("white", True)):
    pca = PCA(DIMS, whiten=whiten, svd_solver="full").fit(x.astype(np.float64))
    z = pca.transform(x.astype(np.float64))
    signs = np.sign(pca.components_[np.arange(DIMS), np.abs(pca.components_).argmax(1)])
    save(name + "_z", z * signs)
    save(name + "_back", pca.inverse_transform(z))
save("kept", [pca.explained_variance_ratio_.sum()])
