"""A small JSON API of several methods on one route: hearth deploy api.py --route /notes"""

from flask import request

notes = {}


def main():
    if request.method == "POST":
        note = request.get_json()
        notes[str(len(notes) + 1)] = note
        return {"id": str(len(notes)), **note}, 201
    return notes
