import type { Offline } from 'durably/offline'
import { useOffline } from 'durably/react'
import type { ReactNode } from 'react'
import { About } from '../about'
import { Console } from '../console'
import { EngineNotice } from '../engine/engine-notice'
import { useRunInAddress } from './address'
import { OfflineWords } from './offline/offline-words'
import { UpdateNotice } from './offline/update-notice'

interface PageProps {
  title: string
  /** Null: a page that is not kept for use without a network. */
  offline: Offline | null
}

export function Page({ title, offline }: PageProps): ReactNode {
  const selection = useRunInAddress()
  const status = useOffline(offline)
  return (
    <>
      <header className="header">
        <img src="icons/icon.svg" alt="" width="28" height="28" />
        <h1>{title}</h1>
        <OfflineWords status={status} />
        {status.canInstall && (
          <button type="button" onClick={() => void offline?.install()}>
            Install
          </button>
        )}
      </header>
      {offline !== null && <UpdateNotice offline={offline} update={status.update} />}
      {/* The engine is stopped on purpose while the page goes over to a new version. */}
      {status.update !== 'applying' && <EngineNotice />}
      <main>
        <Console selection={selection} />
      </main>
      <About site={document.baseURI} />
    </>
  )
}
