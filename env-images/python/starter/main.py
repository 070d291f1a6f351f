from flask import request
from slugify import slugify


def main():
    name = request.args.get("name", "world")
    print("greeting", name)
    return {"greeting": f"Hello, {name}!", "slug": slugify(name)}
