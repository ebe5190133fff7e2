/* learn/adamw.h - AdamW (Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization"). */
#ifndef LEARN_ADAMW_H
#define LEARN_ADAMW_H

#include <stddef.h>

typedef struct adamw_rules {
    double lr, weight_decay, beta1, beta2, epsilon;
} adamw_rules;

/* Step t = 1, 2, ... of n parameters p with gradients g and moments m, v (zero before the first):
 *     p <- p - lr weight_decay p
 *     m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
 *     p <- p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) */
void adamw_step(const adamw_rules *rules, size_t t, float *p, const float *g, float *m, float *v,
                size_t n);

#endif
