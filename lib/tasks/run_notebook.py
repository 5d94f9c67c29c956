"""Runs a notebook top to bottom in its folder and says what happens, one JSON object a line, on standard output.

    python run_notebook.py NOTEBOOK OUTPUT [--timeout SECONDS]

The executed notebook is written to OUTPUT after every cell, whole or not at all, so a cell that fails, an interrupt or a kill loses
nothing. The first SIGINT goes on to the kernel and ends the run after the current cell, the second again to the kernel, the third
ends the kernel. Exit status: 0 done, 1 a cell or the kernel failed, 3 OUTPUT cannot be written, 130 interrupted.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from queue import Empty

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError


def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def title(cell):
    """A cell's name: its first line after the imports."""
    code = re.sub(r"^import\b[^;]*;\s*", "", cell.source.strip(), flags=re.M).strip() or cell.source.strip()
    return code.splitlines()[0].strip()[:100]


class Client(NotebookClient):
    """Tells what cells print while they run."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream":
            say("stream", name=msg["content"]["name"], text=msg["content"]["text"])
        return super().process_message(msg, cell, cell_index)


def write(notebook, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    for cell in notebook.cells:  # what a cell ends with shows itself, and leaves the kernel an empty result to send
        cell.get("outputs", [])[:] = [one for one in cell.get("outputs", []) if one.output_type != "execute_result" or one.data]
    temporary = path.with_name(path.name + ".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)


async def heard(kernel):
    """Waits until the kernel's broadcasts arrive: it is ready before they do, and the first cell's output would be lost."""
    for _ in range(30):
        kernel.kernel_info()
        try:
            await kernel.get_iopub_msg(timeout=1)
            return
        except Empty:
            continue


async def late_output(client, cell, index):
    """Takes what a cell printed last: the Deno kernel may send it after it has called the cell done."""
    while True:
        try:
            message = await client.kc.get_iopub_msg(timeout=0.2)
        except Empty:
            return
        if message["msg_type"] != "status":
            client.process_message(message, cell, index)


async def execute(notebook, folder, output, timeout):
    # A cell that waits on training answers late; only the cell's own time limit counts.
    client = Client(notebook, timeout=timeout, kernel_name="deno", record_timing=False, resources={"metadata": {"path": str(folder)}})
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    presses = 0

    def press():
        nonlocal presses
        presses += 1
        say("interrupt", presses=presses)
        if client.km is not None:
            asyncio.ensure_future(client.km.interrupt_kernel() if presses < 3 else client.km.shutdown_kernel(now=True))

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    say("start", cells=len(code))
    write(notebook, output)
    async with client.async_setup_kernel():
        if os.name != "nt":  # after nbclient set its own, which would end the kernel
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, press)
        await heard(client.kc)
        for number, index in enumerate(code, 1):
            if presses:
                return 130
            cell, started = notebook.cells[index], time.monotonic()
            say("cell", number=number, of=len(code), title=title(cell))
            failure = None
            try:
                await client.async_execute_cell(cell, index)
            except CellExecutionError as error:
                failure = {"name": error.ename, "value": error.evalue, "why": "error"}
            except CellTimeoutError:
                failure = {"name": "", "value": f"it took longer than {timeout} seconds", "why": "timeout"}
            except DeadKernelError:
                failure = {"name": "", "value": "the kernel died", "why": "dead"}
            if not failure or failure["why"] == "error":
                await late_output(client, cell, index)
            write(notebook, output)
            if failure:
                say("failed", number=number, of=len(code), title=title(cell), interrupted=presses > 0, **failure)
                return 130 if presses else 1
            say("done", number=number, seconds=time.monotonic() - started)
    return 130 if presses and number < len(code) else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--timeout", type=int, default=3600)
    options = parser.parse_args()
    try:
        notebook = nbformat.read(options.notebook, as_version=4)
    except Exception as error:
        say("unreadable", value=str(error).splitlines()[0])
        return 2
    try:
        return asyncio.run(execute(notebook, options.notebook.resolve().parent, options.output, options.timeout))
    except OSError as error:
        say("unwritable", path=str(options.output), value=error.strerror or str(error))
        return 3


if __name__ == "__main__":
    sys.exit(main())
