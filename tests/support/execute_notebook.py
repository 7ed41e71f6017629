"""Executes a notebook on Deno's kernel: execute_notebook.py FROM TO. Folders of kernels come from JUPYTER_PATH."""

import asyncio
import queue
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.util import ensure_async

LATEST_S = 0.5


class LateOutputs(NotebookClient):
    """Deno says now and then that a cell has ended before it has sent the last of what the cell printed."""

    async def _async_poll_output_msg(self, parent_msg_id, cell, cell_index):
        await super()._async_poll_output_msg(parent_msg_id, cell, cell_index)
        while True:
            try:
                message = await ensure_async(self.kc.iopub_channel.get_msg(timeout=LATEST_S))
            except queue.Empty:
                return
            if message["parent_header"].get("msg_id") == parent_msg_id:
                self.process_message(message, cell, cell_index)


async def hear(client):
    """Waits until the client hears the kernel: what a kernel says before somebody is connected is lost."""
    while True:
        client.kernel_info()
        try:
            return await ensure_async(client.iopub_channel.get_msg(timeout=0.2))
        except queue.Empty:
            pass


async def execute(source, target):
    notebook = nbformat.read(source, as_version=4)
    resources = {"metadata": {"path": str(source.parent)}}
    client = LateOutputs(
        notebook, timeout=240, kernel_name="deno", resources=resources, record_timing=False
    )
    async with client.async_setup_kernel():
        await hear(client.kc)
        for index, cell in enumerate(notebook.cells):
            await client.async_execute_cell(cell, index)
    # What is not of the kernel's specification would change with the machine.
    target.write_text(nbformat.writes(notebook) + "\n")


asyncio.run(execute(Path(sys.argv[1]), Path(sys.argv[2])))
