def write_page(results, root):  # noqa
    pass
