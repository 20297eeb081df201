import type { ReactNode } from 'react'
import { formatBytes } from '../format'
import { isAlmostFull, type Room } from './room'

interface StorageMeterProps {
  room: Room
  /** The browser refuses more, whatever it tells of the quota. */
  isFull: boolean
}

export function StorageMeter({ room, isFull }: StorageMeterProps): ReactNode {
  const percent = isFull ? 100 : Math.min(100, (100 * room.usage) / room.quota)
  const stored = `${formatBytes(room.usage)} stored`
  const words = isFull ? `${stored}, no room left` : `${stored} of ${formatBytes(room.quota)}`
  const isWarning = isFull || isAlmostFull(room)
  return (
    <div className="meter" data-warning={isWarning}>
      <p className="meter-words number">{words}</p>
      <div
        className="meter-track"
        role="meter"
        aria-label="Storage in use"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        aria-valuetext={words}
      >
        <div className="meter-bar" style={{ inlineSize: `${percent}%` }} />
      </div>
      {isWarning && (
        <p className="meter-warning">
          {!isFull && 'Almost full. '}Delete runs that you no longer need, or free space on this device.
        </p>
      )}
    </div>
  )
}
