"""The run's rewards, from the server that `deno task rewards` or serveRewards() runs: annealed by the trainer's step."""
import json
import os
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("SHOWWORK_REWARDS", "http://127.0.0.1:8000")
TOKEN = os.environ.get("SHOWWORK_REWARD_TOKEN")


def score(samples, tries=8):
    """Totals and components of samples; waits and asks again while the server is busy or away."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {TOKEN}"} if TOKEN else {})}
    request = urllib.request.Request(f"{SERVER}/score", json.dumps({"samples": samples}).encode(), headers)
    for attempt in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                return json.load(response)["results"]
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503, 504) or attempt == tries - 1:
                raise RuntimeError(f"scoring completions at {SERVER}: {error.code} {error.read().decode()}") from error
            time.sleep(float(error.headers.get("retry-after") or 2**attempt / 4))
        except urllib.error.URLError as error:
            if attempt == tries - 1:
                raise RuntimeError(f"scoring completions: {SERVER} must be reachable ({error.reason})") from error
            time.sleep(2**attempt / 4)
