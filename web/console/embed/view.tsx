import type { Durably } from 'durably'
import { DurablyProvider } from 'durably/react'
import { StrictMode, useState, type ReactNode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { About } from '../about'
import { Console } from '../console'
import css from '../console.css?inline'
import { EngineNotice } from '../engine/engine-notice'
import { SITE } from './engines'

/** Not a `<style>`: a content security policy may forbid those. */
const styles = new CSSStyleSheet()
styles.replaceSync(css)

/** What is in the shadow root. */
export class View {
  readonly #root: Root

  constructor(shadow: ShadowRoot) {
    const container = document.createElement('div')
    container.className = 'console'
    shadow.adoptedStyleSheets = [styles]
    shadow.replaceChildren(container)
    this.#root = createRoot(container)
  }

  show(durably: Durably, jobName: string | undefined): void {
    this.#root.render(
      <StrictMode>
        <DurablyProvider durably={durably}>
          <Embedded jobName={jobName} />
        </DurablyProvider>
      </StrictMode>,
    )
  }

  close(): void {
    this.#root.unmount()
  }
}

function Embedded({ jobName }: { jobName: string | undefined }): ReactNode {
  const [runId, select] = useState<string | null>(null)
  return (
    <>
      <EngineNotice />
      <Console jobName={jobName} selection={{ runId, select, hrefOf: null }} />
      <About site={SITE} />
    </>
  )
}
