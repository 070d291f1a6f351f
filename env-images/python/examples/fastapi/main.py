"""A FastAPI application: hearth deploy env-images/python/examples/fastapi --route '/books/*' --entry main.app"""

import fastapi
import pydantic

app = fastapi.FastAPI(title="Books")
books: dict[str, "Book"] = {}


class Book(pydantic.BaseModel):
    title: str
    pages: int = pydantic.Field(gt=0)


@app.get("/{isbn}")
async def read(isbn: str) -> Book:
    if isbn not in books:
        raise fastapi.HTTPException(404, f"there is no book {isbn}")
    return books[isbn]


@app.put("/{isbn}", status_code=201)
async def write(isbn: str, book: Book) -> Book:
    books[isbn] = book
    return book
