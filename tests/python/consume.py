"""Handles events with typed handlers, says what each was given, and ends after as many calls as were asked for."""

import asyncio

from shop import TYPES, arguments, connected, say


class Refused(Exception):
    """What a handler raises that is told to fail."""


async def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--calls", type=int, required=True, help="calls of handlers before the end")
    parser.add_argument("--fail", metavar="MESSAGE", help="raise this in every call")
    options = parser.parse_args()
    left = options.calls
    done = asyncio.Event()

    def handler(kind):
        async def handle(event) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                done.set()
            say({"handler": kind.__name__, "event": event.model_dump(mode="json")})
            if options.fail:
                raise Refused(options.fail)

        return handle

    async with connected(options) as bus:
        for kind in TYPES.values():
            bus.subscribe(kind, handler(kind))
        consuming = bus.start_consuming_in_background()
        waiting = asyncio.create_task(done.wait())
        await asyncio.wait([consuming, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not done.is_set():
            await consuming
            raise SystemExit("the bus has stopped consuming")


asyncio.run(main())
