"""A Flask application that is started by its own command."""

import flask

app = flask.Flask(__name__)


@app.get("/")
def hello():
    return f"Hello, {flask.request.args.get('name', 'world')}!\n"


@app.post("/sum")
def add():
    return flask.jsonify(sum=sum(flask.request.get_json()))
