"""What the classifiers of both boosters share.

- `parameters`  from focal parameters to a loss, for a new and for a continued model
- `estimator`   from margins to probabilities and decisions; what the parent's fit is lent
- `target`      which task the labels are, how they are numbered
- `record`      what a classifier keeps in its model
"""
