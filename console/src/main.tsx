import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/now.css';
import './styles/people.css';
import './styles/try-it.css';
import { render } from 'preact';
import { App } from './app.js';
import { applyTheme } from './theme.js';
import { watch } from './watch.js';

applyTheme();
watch.start();
render(<App />, document.body);
