def write_page(results, root):
    pass
