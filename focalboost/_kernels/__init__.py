"""Gradients, Hessians and losses of many rows, compiled.

How the pieces fit, from one number to a booster's call:

- `elementary`  exp and logarithms without branches, so that LLVM vectorises what calls them
- `formulas`    the focal mathematics, once, as scalar functions of one margin
- `rows`        what one row contributes: labels, class weights and row weights around the formulas
- `flags`       what is noticed of bad input on the way, so that checking costs no second pass
- `sigmoid`, `softmax`, `softmax_precise`  loops over rows on the CPU; `cuda_kernels` the same for a GPU
- `cpu`, `cuda` whole arrays: threads and blocks, uploads and launches
- `backend`     which of the two serves a call; `interface` what it is given, `Parameters`

`compile` has the options of Numba and the cache of machine code, `threads` and `blocks` share rows out,
`buffers`, `cuda_memory` and `digest` keep from round to round what is slow to make anew.

scikit-learn's `_loss` is built the same way: scalar functions, loops, a class around them. The losses of
focalboost are the class. Nothing here knows a booster.
"""
