"""What the package's tools say of a topic's dead letters: lists, counts and replays them."""

import asyncio

from shop import arguments, connected, say


async def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--list", type=int, metavar="LIMIT", help="ends only where there are more than that")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--replay", nargs=2, type=int, metavar=("PARTITION", "OFFSET"))
    options = parser.parse_args()
    async with connected(options) as bus:
        if options.list is not None:
            for letter in await bus.get_dlq_messages(limit=options.list):
                say(letter)
        if options.count:
            say({"count": await bus.get_dlq_message_count()})
        if options.replay:
            say({"replayed": await bus.replay_dlq_message(*options.replay)})


asyncio.run(main())
