import type { ReactNode } from 'react'
import { formatBytes } from '../format'
import { WORDS } from '../words'
import { isAlmostFull, type Room } from './room'

const SAID = WORDS.storage

interface StorageMeterProps {
  room: Room
  /** The browser refuses more, whatever it tells of the quota. */
  isFull: boolean
}

export function StorageMeter({ room, isFull }: StorageMeterProps): ReactNode {
  const percent = isFull ? 100 : Math.min(100, (100 * room.usage) / room.quota)
  const usage = formatBytes(room.usage)
  const words = isFull ? SAID.storedFull(usage) : SAID.stored(usage, formatBytes(room.quota))
  const isWarning = isFull || isAlmostFull(room)
  return (
    <div className="meter" data-warning={isWarning}>
      <p className="meter-words number">{words}</p>
      <div
        className="meter-track"
        role="meter"
        aria-label={SAID.meter}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        aria-valuetext={words}
      >
        <div className="meter-bar" style={{ inlineSize: `${percent}%` }} />
      </div>
      {isWarning && <p className="meter-warning">{isFull ? SAID.freeSpace : SAID.freeSpaceSoon}</p>}
    </div>
  )
}
