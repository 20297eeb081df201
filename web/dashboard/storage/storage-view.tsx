import type { EngineStatus, StorageInfo } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { formatBytes, formatDuration, formatNumber } from '../format'
import { bootTimesOf } from '../parts/boot-times'
import { Build } from '../parts/build'
import { useAction } from '../parts/use-action'
import { ViewNotice } from '../parts/view-notice'
import { WORDS } from '../words'
import { BootPhases } from './boot-phases'
import { ClearDialog } from './clear-dialog'
import { ExportButton } from './export-button'
import { ImportButton } from './import-button'
import { roomOf } from './room'
import { StorageMeter } from './storage-meter'
import { StorageOutcome } from './storage-outcome'
import { StoragePromise } from './storage-promise'
import { useStorageWork } from './use-storage-work'

const SAID = WORDS.storage
const INTERVAL_MS = 5000

/** The engine in this browser: what it stores, in which tab it is, and how it started. */
export function StorageView({ status }: { status: EngineStatus }): ReactNode {
  const isRemote = status.role === 'remote'
  return (
    <div className="storage-view">
      {/* Of a server there is nothing but the engine. */}
      <h2 className="view-title" id={isRemote ? 'engine-title' : undefined}>
        {isRemote ? SAID.engine : SAID.title}
      </h2>
      {status.state === 'offline' && (
        <ViewNotice>
          <p>{WORDS.failure.serverGone}</p>
        </ViewNotice>
      )}
      <div className="storage-cards">
        {!isRemote && <StorageCard status={status} />}
        <EngineCard status={status} />
        {!isRemote && <StartCard status={status} />}
      </div>
    </div>
  )
}

function StorageCard({ status }: { status: EngineStatus }): ReactNode {
  const work = useStorageWork()
  const clearing = useRef<HTMLDialogElement>(null)
  const { state, phase, storage } = status
  const room = roomOf(storage)
  // Where the worker has ended, nobody can tell or do anything.
  const isGone = state === 'closed' || (state === 'failed' && phase !== 'engine')
  const isDisabled = work.isBusy || isGone || (state !== 'ready' && state !== 'failed')
  return (
    <section className="card storage-card" aria-labelledby="storage-title">
      <h3 className="card-title" id="storage-title">
        {SAID.database}
      </h3>
      {room !== null && <StorageMeter room={room} isFull={status.pause?.code === 'storage_full'} />}
      {storage !== null && <StoragePromise storage={storage} work={work} isDisabled={isDisabled} />}
      <div className="actions">
        <ExportButton work={work} label={SAID.export} isDisabled={isDisabled} />
        <ImportButton work={work} isDisabled={isDisabled} />
        <button
          type="button"
          className="button button-bad"
          aria-disabled={isDisabled}
          onClick={() => !isDisabled && clearing.current?.showModal()}
        >
          {SAID.clear}
        </button>
      </div>
      <StorageOutcome work={work} />
      <ClearDialog dialog={clearing} onConfirm={work.clear} />
    </section>
  )
}

function EngineCard({ status }: { status: EngineStatus }): ReactNode {
  const { role, versions, memory, epoch } = status
  const info = useStorageInfo(status)
  const facts: [string, ReactNode][] = []
  if (info !== null && info.tabs !== null) {
    facts.push([SAID.tabs, SAID.tabCount(formatNumber(info.tabs), role === 'leader')])
  }
  if (memory !== null) facts.push([SAID.memory, formatBytes(memory)])
  if (epoch > 1) facts.push([SAID.starts, formatNumber(epoch)])
  facts.push([SAID.clientVersion, versions.client])
  if (versions.engine !== null) facts.push([SAID.engineVersion, versions.engine])
  if (versions.pyodide !== null) facts.push([SAID.pyodide, versions.pyodide])
  if (versions.build !== null) facts.push([SAID.build, <Build key="build" build={versions.build} />])
  return (
    <section className="card" aria-labelledby="engine-title">
      {role !== 'remote' && (
        <h3 className="card-title" id="engine-title">
          {SAID.engine}
        </h3>
      )}
      <p className="engine-role">{role === null ? SAID.noRole : SAID.roles[role]}</p>
      {role === 'follower' && <TakeOverButton />}
      <dl className="engine-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function TakeOverButton(): ReactNode {
  const { durably } = useDurably()
  const { isBusy, error, perform } = useAction()
  return (
    <>
      <button
        type="button"
        className="button"
        aria-disabled={isBusy}
        onClick={() => perform(() => durably.takeOver())}
      >
        {SAID.takeOver}
      </button>
      {error !== null && (
        <p className="action-error" role="alert">
          {error}
        </p>
      )}
    </>
  )
}

function StartCard({ status }: { status: EngineStatus }): ReactNode {
  const { startedFrom } = status
  const times = bootTimesOf(status)
  const { total, overlap } = times
  return (
    <section className="card" aria-labelledby="start-title">
      <h3 className="card-title" id="start-title">
        {SAID.start}
        {total > 0 && <span className="count">{formatDuration(total)}</span>}
      </h3>
      {total === 0 ? <p className="hint">{SAID.noStart}</p> : <BootPhases times={times} />}
      {overlap && <p className="hint">{SAID.overlap}</p>}
      {startedFrom !== null && <p className="hint">{SAID.startedFrom[startedFrom]}</p>}
    </section>
  )
}

/** Asked for now and then, as long as someone looks. The figures of the status follow by themselves. */
function useStorageInfo({ state, role }: EngineStatus): StorageInfo | null {
  const { durably } = useDurably()
  const [info, setInfo] = useState<StorageInfo | null>(null)
  const isThere = state === 'ready' && role !== 'remote'
  useEffect(() => {
    if (!isThere) return
    let isCurrent = true
    const ask = (): void => {
      if (document.hidden) return
      durably.storage.getInfo().then(
        (found) => isCurrent && setInfo(found),
        () => undefined,
      )
    }
    ask()
    const timer = setInterval(ask, INTERVAL_MS)
    return () => {
      isCurrent = false
      clearInterval(timer)
    }
  }, [durably, isThere])
  return isThere ? info : null
}
