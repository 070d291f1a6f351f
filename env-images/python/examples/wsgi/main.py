"""A whole Flask application with requirements: hearth deploy env-images/python/examples/wsgi --route '/pages/*' --entry main.app"""

import flask
import markdown

app = flask.Flask(__name__)


@app.get("/")
def index():
    return flask.jsonify(pages=["/about"])


@app.post("/render")
def render():
    return markdown.markdown(flask.request.get_data(as_text=True))
