import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { useOffline } from '../../src/react'
import { offline } from '../durably'
import { askedStorage } from '../lib/asked-storage'
import { MemoryNotice } from '../storage/memory-notice'
import { SetAsideNotice } from '../storage/set-aside-notice'
import { EngineNotice } from './engine-notice'
import { UpdateNotice } from './update-notice'

/** What a person must know before anything else on the page. */
export function Notices({ status }: { status: EngineStatus }): ReactNode {
  const { update } = useOffline(offline)
  // The page has asked for it, so it is known before the database is open.
  const kind = status.storage?.kind ?? askedStorage()
  return (
    <>
      <UpdateNotice update={update} />
      {/* The engine is stopped on purpose while the page goes over to a new version. */}
      {update !== 'applying' && <EngineNotice status={status} />}
      {kind === 'memory' && <MemoryNotice />}
      {status.storage?.setAside.map((database) => (
        <SetAsideNotice key={database.generation} database={database} />
      ))}
    </>
  )
}
