import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { useExtras } from '../extras'
import { SetAsideNotice } from '../storage/set-aside-notice'
import { EngineNotice } from './engine-notice'
import { MemoryNotice } from './memory-notice'

/** What a person must know before anything else. */
export function Notices({ status }: { status: EngineStatus }): ReactNode {
  const { notices, isLeaving } = useExtras()
  return (
    <>
      {notices}
      {!isLeaving && <EngineNotice status={status} />}
      {status.storage?.kind === 'memory' && <MemoryNotice />}
      {status.storage?.setAside.map((database) => (
        <SetAsideNotice key={database.generation} database={database} />
      ))}
    </>
  )
}
