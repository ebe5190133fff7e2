/* codebook/mlp.h - a multilayer perceptron: linear layers with ReLU between them, forward and
 * backward in float32.
 *
 * Layer l is y = W x + b, W [out, in] as PyTorch keeps it. Rows of numbers are padded with zeros to
 * a multiple of GEMM_PANEL, in the parameters as in the activations, so that every product writes
 * its result in place; padding has gradient zero and stays zero. Every element is one
 * chain of multiply-adds in a fixed order: a row's output depends on the row and the
 * parameters alone, and gradients are the same at any number of threads. */
#ifndef CODEBOOK_MLP_H
#define CODEBOOK_MLP_H

#include "base/error.h"
#include "kernels/gemm.h"

#include <stdbool.h>
#include <stddef.h>

enum { MLP_MAX_LAYERS = 16 };

typedef struct mlp_shape {
    size_t n_layers;
    size_t sizes[MLP_MAX_LAYERS + 1]; /* input, hidden ..., output */
} mlp_shape;

/* The same layers in reverse order. */
mlp_shape mlp_mirror(const mlp_shape *shape);
size_t mlp_param_count(const mlp_shape *shape); /* with padding */
/* Where layer l's weights [out, gemm_pad(in)] and bias [gemm_pad(out)] begin. */
size_t mlp_weight_at(const mlp_shape *shape, size_t layer);
size_t mlp_bias_at(const mlp_shape *shape, size_t layer);

typedef struct mlp {
    mlp_shape shape;
    const float *params;             /* borrowed, [mlp_param_count] */
    float *packed[MLP_MAX_LAYERS];   /* W transposed, for y = W x */
    float *packed_t[MLP_MAX_LAYERS]; /* W, for gradients; NULL where nothing is trained */
} mlp;

semid_status mlp_init(mlp *m, const mlp_shape *shape, bool trains, semid_error *err);
void mlp_release(mlp *m);
/* Use these parameters, which are borrowed; call it again after they changed. */
void mlp_set(mlp *m, const float *params);

/* Room for the outputs of all layers of up to max_rows rows: acts[l] [max_rows, gemm_pad(sizes[l])]
 * for l >= 1; acts[0] is the caller's input. */
typedef struct mlp_tape {
    float *acts[MLP_MAX_LAYERS + 1];
    float *grads[2];    /* [max_rows, widest] by the outputs of two layers in turn */
    float *transposed;  /* [widest, max_rows] */
    float *packed_acts; /* [max_rows, widest] */
    size_t max_rows;
} mlp_tape;

semid_status mlp_tape_init(mlp_tape *t, const mlp_shape *shape, size_t max_rows, semid_error *err);
void mlp_tape_release(mlp_tape *t);

/* t->acts[0] [n, gemm_pad(in)] -> the other acts. */
void mlp_forward(const mlp *m, mlp_tape *t, size_t n);

/* After mlp_forward: gradient of the loss by the output, t->grads[0] [n, gemm_pad(out)] -> by the
 * parameters, `grads` [mlp_param_count]; and, unless input_grad is NULL, by the input [n,
 * gemm_pad(in)]. Overwrites t->grads. */
void mlp_backward(const mlp *m, mlp_tape *t, size_t n, float *grads, float *input_grad);

/* Outputs alone: x [n, gemm_pad(in)] -> y [n, gemm_pad(out)] with scratch [2, n, widest]. For
 * one thread's block of rows. */
size_t mlp_widest(const mlp_shape *shape);
void mlp_apply(const mlp *m, const float *x, size_t n, float *y, float *scratch);

#endif
