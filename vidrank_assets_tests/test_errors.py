import inspect

from vidrank_assets import errors

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


def test_the_tree_in_the_docstring_names_every_error_and_what_else_it_is():
    drawn = inspect.getdoc(errors)
    for each in CLASSES:
        line = next(line for line in drawn.splitlines() if line.strip(" *+-").split(" ")[0] == each.__name__)
        also = [base.__name__ for base in each.__bases__ if base.__module__ == "builtins" and base is not Exception]
        assert all(name in line for name in also), each


def test_one_except_clause_catches_every_error_raised_on_purpose():
    assert all(issubclass(each, errors.VidrankError) for each in CLASSES)
