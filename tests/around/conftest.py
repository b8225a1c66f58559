"""What older LightGBM and newer scikit-learn do to each other is not asked here."""

import pytest

OF_OTHERS = (
    # LightGBM 4.4 to 4.6, about rows without names
    "ignore:X does not have valid feature names:UserWarning",
    # LightGBM 4.4 with scikit-learn 1.6 and 1.7
    "ignore:'force_all_finite' was renamed:FutureWarning",
)


def pytest_itemcollected(item):
    for text in OF_OTHERS:
        item.add_marker(pytest.mark.filterwarnings(text))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except TypeError as error:
        if "force_all_finite" not in str(error):
            raise
        pytest.skip("LightGBM 4.4 needs scikit-learn before 1.8")
