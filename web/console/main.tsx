import { createDurably, type Durably } from 'durably'
import { createOffline } from 'durably/offline'
import { DurablyProvider } from 'durably/react'
import { StrictMode, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import '../dashboard/styles/index.css'
import { loadConfig, type Config } from './page/config'
import { DevPanel } from './page/dev/dev-panel'
import { Page } from './page/page'
import './page/page.css'
import { trustOwnScripts } from './page/trusted-types'
import { sentenceOf } from './sentence-of'

declare global {
  interface Window {
    /** The client of this page, for the browser's console. */
    durably?: Durably
  }
}

trustOwnScripts()
const element = document.getElementById('root')
if (element === null) throw new Error('The page has no element with the id "root".')
const root = createRoot(element)

try {
  root.render(<StrictMode>{pageOf(await loadConfig())}</StrictMode>)
} catch (error) {
  root.render(<p role="alert">{sentenceOf(error)}</p>)
}

function pageOf({ title = 'Jobs', offline = false, api, dev }: Config): ReactNode {
  document.title = title
  const panel = dev !== undefined && <DevPanel dev={dev} />
  // There is no Python to start yet: the page is reloaded when there is.
  if (dev?.build === null) return <div className="durably">{panel}</div>
  const durably = createDurably(api === undefined ? { spa: {} } : { api })
  window.durably = durably
  return (
    <DurablyProvider durably={durably}>
      <Page title={title} offline={offline ? createOffline({ durably }) : null} fault={panel} />
    </DurablyProvider>
  )
}
