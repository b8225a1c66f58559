"""Numbers and losses that hypothesis draws."""

from hypothesis import strategies as st

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

float32_margins = st.floats(allow_nan=False, allow_infinity=False, width=32)
gammas = st.one_of(st.just(0.0), st.floats(0, 10), st.floats(0, 1))

weights = st.floats(1e-3, 1e3)
shares = st.floats(0.01, 0.99)
pairs = st.tuples(weights, weights)
sizes = st.integers(2, 5)


def _several(item, n):
    return st.lists(item, min_size=n, max_size=n).map(tuple)


def _options(**more):
    return st.fixed_dictionaries({"hessian": st.sampled_from(["guarded", "exact", "reweighted"]), **more})


smoothing = st.one_of(st.just(0.0), st.floats(1e-30, 0.5))
binary_losses = st.builds(
    lambda gamma, alpha, options: BinaryFocalLoss(gamma, alpha, **options),
    st.one_of(gammas, st.tuples(gammas, gammas)),
    st.one_of(st.sampled_from([None, "balanced"]), shares, pairs),
    _options(label_smoothing=smoothing),
)
multiclass_losses = sizes.flatmap(
    lambda n: st.builds(
        lambda gamma, alpha, options: MulticlassFocalLoss(gamma, alpha, **options),
        st.one_of(gammas, _several(gammas, n)),
        st.one_of(st.sampled_from([None, "balanced"]), _several(weights, n)),
        _options(n_classes=st.just(n)),
    )
)
multilabel_losses = sizes.flatmap(
    lambda n: st.builds(
        lambda gamma, alpha, options: MultilabelFocalLoss(gamma, alpha, **options),
        st.one_of(gammas, _several(gammas, n)),
        st.one_of(st.sampled_from([None, "balanced"]), shares, _several(st.one_of(shares, pairs), n)),
        _options(label_smoothing=smoothing, n_labels=st.just(n)),
    )
)


@st.composite
def losses(draw):
    """A loss of any class; one in two is resolved for labels of which every class occurs."""
    loss = draw(st.one_of(binary_losses, multiclass_losses, multilabel_losses))
    if not draw(st.booleans()):
        return loss
    counts = st.integers(1, 50)
    if isinstance(loss, BinaryFocalLoss):
        return loss.for_labels([0] * draw(counts) + [1] * draw(counts))
    if isinstance(loss, MulticlassFocalLoss):
        return loss.for_labels([k for k in range(loss.n_classes) for _ in range(draw(counts))])
    rows = draw(
        st.lists(st.lists(st.integers(0, 1), min_size=loss.n_labels, max_size=loss.n_labels), max_size=20)
    )
    return loss.for_labels([*rows, [0] * loss.n_labels, [1] * loss.n_labels])
