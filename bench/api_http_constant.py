"""A FastAPI endpoint that returns a constant, served as ours is: `python -m bench.api_http_constant PORT`.

What FastAPI and uvicorn themselves take, without keys, limits, registry or values.
"""

import sys

from fastapi import FastAPI

from telemetry.service.probe import serve_site
from telemetry.service.run import run

PATH = "/constant"
app = FastAPI(openapi_url=None)


@app.get(PATH)
async def constant() -> dict[str, float]:
    return {"nh3_ppm": 0.4}


async def serve() -> int:
    await serve_site(app, "127.0.0.1", int(sys.argv[1]), None, lambda _: None)
    return 0


if __name__ == "__main__":
    sys.exit(run(serve()))
