"""AsyncSSH or Fabric: a command so many times on every node, host keys checked, some nodes at once."""

import sys


def with_asyncssh(hosts, known_hosts, key, user, port, at_once, times, word):
    import asyncio

    import asyncssh

    async def one(host, turns):
        async with turns:
            async with asyncssh.connect(
                host,
                port=port,
                username=user,
                client_keys=[key],
                known_hosts=known_hosts,
                agent_path=None,
                config=None,
            ) as connection:
                for _ in range(times):
                    done = await connection.run(word, check=True)
                    print(host, done.stdout, end="")

    async def every():
        turns = asyncio.Semaphore(at_once)
        await asyncio.gather(*(one(host, turns) for host in hosts))

    asyncio.run(every())


def with_fabric(hosts, known_hosts, key, user, port, at_once, times, word):
    from concurrent.futures import ThreadPoolExecutor

    import paramiko
    from fabric import Config, Connection

    def one(host):
        # Not shared: it is not made for several threads.
        config = Config(overrides={"load_ssh_configs": False})
        arguments = {"key_filename": key, "allow_agent": False, "look_for_keys": False}
        with Connection(
            host, user=user, port=port, config=config, connect_kwargs=arguments
        ) as connection:
            connection.client.load_host_keys(known_hosts)
            connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            for _ in range(times):
                done = connection.run(word, hide=True, in_stream=False)
                print(host, done.stdout, end="")

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, hosts))


def main():
    library, addresses, known_hosts, key, user, port, at_once, times, word = sys.argv[1:]
    with open(addresses, encoding="ascii") as file:
        hosts = file.read().split()
    run = {"asyncssh": with_asyncssh, "fabric": with_fabric}[library]
    run(hosts, known_hosts, key, user, int(port), int(at_once), int(times), word)


main()
