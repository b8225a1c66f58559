"""The border to XGBoost and LightGBM: all that depends on how they call and what they ignore.

- `call`           what a booster asks of an objective or a metric: margins, labels, weights
- `caller`         which Booster is calling, which loss it goes on with, where its trees are
- `dmatrix`        labels and weights of a DMatrix, where XGBoost keeps them
- `xgboost`, `lightgbm`  the callbacks of `start`: the start of a new model, the check of a continued one
- `unannounced`    trainings without a callback: what would be wrong is refused in the first round
- `continuing`     whether a loss may go on from a model, and the cures where it may not
- `configuration`  what XGBoost's configuration says
- `model_text`     LightGBM's model text, taken apart and edited
- `model_check`    LightGBM's model text, checked before LightGBM reads it
- `model_json`     XGBoost's models, checked before XGBoost reads them
- `model_trees`    the trees of these, all at once
- `model_document` JSON and UBJ as documents, with values of a type
- `model_file`     the error of both checks, and what makes a tree a tree
- `names`          which parameters a booster knows
- `parameters`     which it ignores with a custom objective
- `packed`         labels of several columns in LightGBM's one number a row
- `workers`        sums over the workers of a cluster
- `extras`         what to install where a booster is missing

All but `xgboost` and `lightgbm` can be imported without a booster: an object can only be an
`xgboost.DMatrix` if xgboost was imported already.
"""
