"""Runs a notebook top to bottom with nbclient and says what it does, one line at a time.

    python run_notebook.py NOTEBOOK OUTPUT [--timeout SECONDS]

The executed notebook is written to OUTPUT whatever happens, so that nothing is lost. Exit status: 0 done, 1 a cell failed, 130
interrupted, 3 the output cannot be written.
"""
import argparse
import asyncio
import os
import re
import signal
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError


def title(cell):
    """A cell's name in the progress: its first comment or its first line."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    comment = next((line[2:].strip() for line in lines if line.startswith("//")), None)
    code = next((line for line in lines if not line.startswith(("import", "}", "//"))), lines[0] if lines else "")
    return (comment or code)[:78]


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook")
    parser.add_argument("output")
    parser.add_argument("--timeout", type=int, default=3600)
    args = parser.parse_args()

    notebook = nbformat.read(args.notebook, as_version=4)
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    started = {}

    def on_start(cell, cell_index):
        if cell_index in code:
            started[cell_index] = time.monotonic()
            print(f"[{code.index(cell_index) + 1}/{len(code)}] {title(cell)}", flush=True)

    def on_done(cell, cell_index, execute_reply):
        if cell_index in started:
            print(f"      done in {time.monotonic() - started[cell_index]:.1f} s", flush=True)

    client = NotebookClient(
        notebook, timeout=args.timeout, kernel_name="deno", allow_errors=False,
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(args.notebook))}},
        on_cell_start=on_start, on_cell_executed=on_done,
    )

    def interrupt(*_):
        print("      stopping: the stage ends after its current step", flush=True)
        if client.km is not None:
            asyncio.ensure_future(client.km.interrupt_kernel())

    async def run():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, interrupt)
        await client.async_execute()

    status = 0
    try:
        asyncio.run(run())
    except CellExecutionError as error:
        status = 1
        failed = max(started, default=0)
        print(f"\nCell {code.index(failed) + 1} of {len(code)} failed: {title(notebook.cells[failed])}\n{plain(str(error.evalue))}", file=sys.stderr)
    except CellTimeoutError:
        status = 1
        failed = max(started, default=0)
        print(f"\nCell {code.index(failed) + 1} of {len(code)} took longer than {args.timeout} s: {title(notebook.cells[failed])}", file=sys.stderr)
    except DeadKernelError as error:
        status = 1
        print(f"\nThe kernel died: {error}", file=sys.stderr)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
        temporary = args.output + ".tmp"
        nbformat.write(notebook, temporary)
        os.replace(temporary, args.output)
    except OSError as error:
        print(f"\nThe executed notebook cannot be written to {args.output}: {error.strerror}", file=sys.stderr)
        status = status or 3
    sys.exit(status)


if __name__ == "__main__":
    main()
