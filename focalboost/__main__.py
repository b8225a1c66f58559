"""`python -m focalboost`: the command, where its script is not on the path."""

from focalboost.command import main

if __name__ == "__main__":
    main("python -m focalboost")
