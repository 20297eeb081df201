import type { ReactNode } from 'react'
import { formatBytes } from '../lib/format'
import { isAlmostFull, type Room } from './room'

export function StorageMeter({ room }: { room: Room }): ReactNode {
  const percent = Math.min(100, (100 * room.usage) / room.quota)
  const words = `${formatBytes(room.usage)} stored of ${formatBytes(room.quota)}`
  return (
    <div className="meter" data-almost-full={isAlmostFull(room)}>
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
      {isAlmostFull(room) && (
        <p className="meter-warning">
          Almost full. Delete runs that you no longer need, or free space on this device.
        </p>
      )}
    </div>
  )
}
