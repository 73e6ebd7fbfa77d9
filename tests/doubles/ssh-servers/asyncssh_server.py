"""An SSH server of AsyncSSH for one pretended node: every command runs in a real shell, files go over SFTP.

Usage: asyncssh_server.py ADDRESS HOST_KEY AUTHORIZED_KEYS [NAME=VALUE ...]

The pairs are the whole environment of what runs on the node. The port is printed on the first line.
"""

import asyncio
import signal
import sys

import asyncssh

PIECE = 32768
ENVIRONMENT = dict(pair.split("=", 1) for pair in sys.argv[4:])


async def feed(process, stdin):
    """What the client sends goes to the command; its end is the end of the command's input."""
    try:
        while data := await process.stdin.read(PIECE):
            stdin.write(data)
            await stdin.drain()
    except (OSError, asyncssh.Error, asyncssh.misc.BreakReceived, asyncssh.misc.SignalReceived):
        pass
    finally:
        stdin.close()


async def carry(source, sink):
    """What the command prints goes to the client, no faster than the client takes it."""
    while data := await source.read(PIECE):
        sink.write(data)
        await sink.drain()


async def run(process):
    """One command, as a server without a terminal runs it: it outlives the connection if it wants to."""
    if process.command is None:
        process.exit(1)
        return
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command,
        stdin=pipe, stdout=pipe, stderr=pipe,
        env=ENVIRONMENT, cwd=ENVIRONMENT["HOME"], start_new_session=True,
    )
    feeding = asyncio.ensure_future(feed(process, child.stdin))
    try:
        await asyncio.gather(carry(child.stdout, process.stdout), carry(child.stderr, process.stderr))
        code = await child.wait()
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name[3:])
        else:
            process.exit(code)
    except (OSError, asyncssh.Error):
        # The client is gone: what was started goes on.
        pass
    finally:
        feeding.cancel()


async def serve():
    address, host_key, authorized_keys = sys.argv[1:4]
    server = await asyncssh.listen(
        address, 0,
        server_host_keys=[host_key],
        authorized_client_keys=authorized_keys,
        process_factory=run,
        sftp_factory=True,
        encoding=None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(serve())
