import type { Handle } from '../src/opfs/buffered-file'
import { RecordingDisk } from './disk'
import { report, seconds } from './report'
import { FILES, type Site } from './site'
import { beat } from './watchdog'

const KIB = 1024
const LEAST_ROOM = 64 * KIB
const MOST_ROOM = 3072 * KIB
const AMPLE = Infinity

/** Files that share a room of so many bytes, as those of a site share its quota. */
class CrampedDisk {
  room: number
  readonly handles: ReadonlyMap<string, Handle>
  readonly #disk = new RecordingDisk(FILES)

  constructor(room: number) {
    this.room = room
    this.handles = new Map([...this.#disk.handles].map(([name, handle]) => [name, this.#cramped(handle)]))
  }

  #cramped(handle: Handle): Handle {
    const expectRoom = (size: number): void => {
      const growth = Math.max(0, size - handle.getSize())
      const used = [...this.#disk.handles.values()].reduce((sum, each) => sum + each.getSize(), 0)
      if (growth > 0 && used + growth > this.room) {
        throw new DOMException('the simulation wants it so', 'QuotaExceededError')
      }
    }
    return {
      ...handle,
      truncate: (size) => {
        expectRoom(size)
        handle.truncate(size)
      },
      write: (from, { at }) => {
        expectRoom(at + from.length)
        return handle.write(from, { at })
      },
    }
  }
}

interface Filled {
  fault: string
  /** How often the engine paused. */
  pauses: number
  /** How many runs were completed while the storage was full: what the reserve is for. */
  endedWhenFull: number
}

/** Fills rooms of many sizes, then gives each more. Says whether the engine took all of it well. */
export function fillDisks(site: Site, stepBytes: number, first = 0): boolean {
  const began = performance.now()
  report('Full storage')
  let [rooms, pauses, endedWhenFull, failed] = [0, 0, 0, 0]
  for (let room = Math.max(first, LEAST_ROOM); room <= MOST_ROOM; room += stepBytes) {
    const filled = fill(site, room)
    rooms += 1
    pauses += Number(filled.pauses > 0)
    endedWhenFull += filled.endedWhenFull
    if (filled.fault === '') continue
    failed += 1
    report(`    FAILED in a room of ${room} bytes: ${filled.fault}`)
  }
  report(
    `  ${rooms} rooms, ${pauses} of them full, ${endedWhenFull} runs ended from the reserve, ${failed} not taken well, ${seconds(began)} s`,
  )
  if (pauses === 0 || endedWhenFull === 0) report('    FAILED: the storage was never full')
  return failed === 0 && pauses > 0 && endedWhenFull > 0
}

function fill(site: Site, room: number): Filled {
  beat(`a room of ${room} bytes`)
  const disk = new CrampedDisk(room)
  const filling = site.session.filling(() => {
    disk.room = AMPLE
  })
  const text = site.mounted(disk.handles, (path) => filling.live(path))
  filling.destroy()
  return JSON.parse(text) as Filled
}
