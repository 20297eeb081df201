"""Server mode: no page, no HTTP. A cron job or a command has no more than this."""

import asyncio
from pathlib import Path

from jobs.jobs import summarise_weather

from durably_core import create_durably


async def main() -> None:
    text = (Path(__file__).parent / "weather.csv").read_text("utf-8")
    durably = create_durably(database="weather.db", jobs={"summarise_weather": summarise_weather})
    await durably.init()
    done = await durably.jobs.summarise_weather.trigger_and_wait({"text": text})
    await durably.close()
    print(done.output.model_dump_json())


if __name__ == "__main__":
    asyncio.run(main())
