"""What the classifiers of both boosters share.

- `estimator`  from focal parameters to a loss, from margins to probabilities
- `target`     which task the labels are, how they are numbered
- `record`     what a classifier keeps in its model
"""
