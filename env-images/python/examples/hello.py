from flask import request


def main():
    name = request.args.get("name", "world")
    return f"Hello, {name}!\n"
