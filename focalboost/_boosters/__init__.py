"""The border to XGBoost and LightGBM: all that depends on how they call and what they ignore.

- `call`        what a booster asks of an objective or a metric: margins, labels, weights
- `caller`      which Booster is calling, where its trees are
- `packed`      labels of several columns in LightGBM's one number a row
- `parameters`  what either booster ignores with a custom objective
- `workers`     sums over the workers of a cluster
- `xgboost`     the callback that starts XGBoost's training at the best constant

All but `xgboost` work without a booster installed: an object can only be an `xgboost.DMatrix` if xgboost was
imported already.
"""
