import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { askedStorage } from '../lib/asked-storage'
import { MemoryNotice } from '../storage/memory-notice'
import { SetAsideNotice } from '../storage/set-aside-notice'
import { EngineNotice } from './engine-notice'

/** What a person must know before anything else on the page. */
export function Notices({ status }: { status: EngineStatus }): ReactNode {
  // The page has asked for it, so it is known before the database is open.
  const kind = status.storage?.kind ?? askedStorage()
  return (
    <>
      <EngineNotice status={status} />
      {kind === 'memory' && <MemoryNotice />}
      {status.storage?.setAside.map((database) => (
        <SetAsideNotice key={database.generation} database={database} />
      ))}
    </>
  )
}
