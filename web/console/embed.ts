import { DurablyConsole } from './embed/durably-console'

/** `embed.js`: what the page of another site imports from this one. */
export { DurablyError, RunFailedError } from 'durably'
export { createDurably } from './embed/engines'
export { DurablyConsole }

const NAME = 'durably-console'

if (customElements.get(NAME) === undefined) customElements.define(NAME, DurablyConsole)
else console.warn(`This page has a <${NAME}> from another address already: that one is shown.`)
