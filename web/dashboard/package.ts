/** The npm package's entry: the component, and the styles that are written beside it. */
import './styles/index.css'

export * from './index'
