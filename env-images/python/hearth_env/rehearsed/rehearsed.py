import flask


def main():
    flask.request.get_data()
    return f"{flask.request.path} {flask.request.args.get('name')}"
