// Package uitest tests the page in a real browser against a real server. It is its own
// module, so that the browser driver is no dependency of the appliance.
//
// It needs Chromium (UI_BROWSER, chromium or google-chrome). Where there is none the
// tests are skipped, except with CI=true or UI_REQUIRE=1, where they fail.
package uitest
