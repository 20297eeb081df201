import type { Durably } from 'durably'
import { DurablyProvider } from 'durably/react'
import { StrictMode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { DurablyDashboard } from '../../dashboard'
import css from '../../dashboard/styles/index.css?inline'
import { About } from '../about'
import { SITE } from './engines'
import own from './embed.css?inline'

/** What is in the shadow root. */
export class View {
  readonly #root: Root

  constructor(shadow: ShadowRoot) {
    const container = document.createElement('div')
    container.className = 'console'
    shadow.replaceChildren(container)
    shadow.adoptedStyleSheets = [stylesFor(container)]
    this.#root = createRoot(container)
  }

  show(durably: Durably, jobName: string | undefined): void {
    this.#root.render(
      <StrictMode>
        <DurablyProvider durably={durably}>
          <DurablyDashboard location="memory" jobName={jobName} brand={null} footer={<About site={SITE} />} />
        </DurablyProvider>
      </StrictMode>,
    )
  }

  close(): void {
    this.#root.unmount()
  }
}

/**
 * Not a `<style>`: a content security policy may forbid those. A rem is the page's to say: here it is what the person has
 * chosen in the browser, as a page has it that changes nothing.
 */
function stylesFor(container: HTMLElement): CSSStyleSheet {
  container.style.setProperty('font-size', 'medium', 'important')
  const rem = parseFloat(getComputedStyle(container).fontSize)
  container.style.removeProperty('font-size')
  const styles = new CSSStyleSheet()
  styles.replaceSync(
    (css + own).replaceAll(/(-?[\d.]+)rem\b/g, (_, count: string) => `${Number(count) * rem}px`),
  )
  return styles
}
