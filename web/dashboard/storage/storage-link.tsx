import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { formatBytes } from '../format'
import { Icon } from '../parts/icons'
import { WORDS } from '../words'
import { isAlmostFull, roomOf } from './room'

const SAID = WORDS.storage

/** How much is stored; leads to what can be done about it. */
export function StorageLink({ status }: { status: EngineStatus }): ReactNode {
  const { storage } = status
  if (status.role === 'remote' || storage === null) return null
  const room = roomOf(storage)
  // Some browsers tell of more room than there is.
  const isFull = status.pause?.code === 'storage_full'
  const isWarning = isFull || (room !== null && isAlmostFull(room))
  return (
    <Link className="storage-link" href="/storage" data-warning={isWarning}>
      <Icon name={isWarning ? 'bang' : 'database'} />
      {storage.kind === 'memory' && SAID.inMemory}
      {storage.kind === 'opfs' && storage.usage !== null && (
        <span>
          {formatBytes(storage.usage)}
          <span className="wide-only">{SAID.storedWord}</span>
        </span>
      )}
      {isWarning && <span className="visually-hidden">{isFull ? SAID.full : SAID.almostFull}</span>}
    </Link>
  )
}
