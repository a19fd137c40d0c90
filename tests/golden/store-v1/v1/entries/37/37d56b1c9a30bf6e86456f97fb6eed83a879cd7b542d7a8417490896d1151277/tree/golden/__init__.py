def main():
    print('golden')
