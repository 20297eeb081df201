import type { Offline } from 'durably/offline'
import { useOffline } from 'durably/react'
import type { ReactNode } from 'react'
import { DurablyDashboard } from '../../dashboard'
import { About } from '../about'
import { OfflineWords } from './offline/offline-words'
import { UpdateNotice } from '../../dashboard/shell/update-notice'

interface PageProps {
  title: string
  /** Null: a page that is not kept for use without a network. */
  offline: Offline | null
  /** What is wrong with the jobs, in development. */
  fault: ReactNode
}

export function Page({ title, offline, fault }: PageProps): ReactNode {
  const status = useOffline(offline)
  return (
    <DurablyDashboard
      brand={
        <h1 className="brand">
          <img src="icons/icon.svg" alt="" width="26" height="26" />
          {title}
        </h1>
      }
      tools={
        <>
          <OfflineWords status={status} />
          {status.canInstall && (
            <button type="button" className="button" onClick={() => void offline?.install()}>
              Install
            </button>
          )}
        </>
      }
      notices={
        <>
          {fault}
          {offline !== null && <UpdateNotice offline={offline} update={status.update} />}
        </>
      }
      isLeaving={status.update === 'applying'}
      footer={
        <footer>
          <About site={document.baseURI} />
        </footer>
      }
    />
  )
}
