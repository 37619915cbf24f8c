"""Prints the golden values of src/statistics (SciPy 1.16, statsmodels 0.14)."""
from scipy import stats as s
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_ind
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
f = lambda v: repr(float(v))
for p, df in [(.975, 1), (.95, 9), (.975, 9.37), (.995, 29.5), (.975, 1e4), (.975, 1e6)]:
    print("t.ppf", p, df, f(s.t.ppf(p, df)))
print("tails", f(s.t.sf(2.5, 9)), f(s.t.sf(10, 29.5)), f(s.t.sf(-1, 3)), f(s.norm.ppf(.975)), f(s.norm.cdf(-5)))
print("beta, spread", f(s.beta.ppf(.975, 4, 7)), f((s.chi2.ppf(.3, 9) / 9)**.5), f((s.chi2.ppf(.99, 2) / 2)**.5))
a = [.71, .78, .74, .69, .80]; b = [.70, .72, .69, .75]
c = CompareMeans(DescrStatsW(a), DescrStatsW(b))
print("welch df, error", f(c.dof_satt()), f(c.std_meandiff_separatevar))
print("intervals", [f(v) for v in (*c.tconfint_diff(.1, usevar="unequal"), *c.tconfint_diff(.05, usevar="pooled"))])
print("p", f(s.ttest_ind(a, b, equal_var=False).pvalue), f(s.ttest_ind(a, b).pvalue))
print("tost", f(ttost_ind(a, b, -.08, .08, usevar="unequal")[0]))
print("one", f(s.ttest_1samp(a, .72).pvalue), f(s.ttest_1samp(a, .72, alternative="greater").pvalue))
print("holm", multipletests([.03, .001, .04, .5, .012], method="holm")[1])
print("kendall", f(s.kendalltau([1, 2, 3, 4, 5], [.7, .75, .75, .3, .1]).statistic))
for k, n, al in [(3, 10, .05), (0, 10, .05), (10, 10, .1)]:
    print("clopper", k, n, [f(v) for v in proportion_confint(k, n, al, method="beta")])
d = [.02, -.01, .03, .015, .04, -.005, .02]
p = lambda alt: f(s.permutation_test((d,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", alternative=alt, n_resamples=10**6, vectorized=True).pvalue)
print("flip", p("greater"), p("less"), p("two-sided"))
x = [3., 1., 4., 1., 5.]; y = [2., 7., 1., 0.]
print("superiority", f(s.mannwhitneyu(x, y).statistic / 20))
import numpy as np, math
sp = ((4*np.var(x, ddof=1)+3*np.var(y, ddof=1))/7)**.5; dd = (np.mean(x)-np.mean(y))/sp
print("cohen, hedges", f(dd), f(dd*math.exp(math.lgamma(3.5)-math.lgamma(3))/3.5**.5))
print("iqm", f(s.trim_mean([.1, .7, .72, .74, .75, .76, .77, .78, .79, .95], .25)))
m, sd, n = .75, .04, 10
print("prediction", f(s.t.ppf(.975, 9)*.04*(1/1+1/10)**.5), f(s.t.ppf(.975, 9)*.04*(1/10+1/10)**.5))
# Power of the rule of `closeness`, published sd 0.04 and 10 runs, ours 10, margin 0.06: 4e6 draws.
def power(sd, np_, n, margin, R=4_000_000, r=np.random.default_rng(1)):
    d = r.standard_normal(R)*sd*(1/np_+1/n)**.5
    so = sd*(r.chisquare(n-1, R)/(n-1))**.5
    vp, vo = sd**2/np_, so**2/n
    w = s.t.ppf(.95, (vp+vo)**2/(vp**2/(np_-1)+vo**2/(n-1)))*(vp+vo)**.5
    q = s.t.ppf(.95, np_+n-2)*((((np_-1)*sd**2+(n-1)*so**2)/(np_+n-2))*(1/np_+1/n))**.5
    return (np.abs(d)+np.maximum(w, q) < margin).mean()
if __name__ == "__main__":
    print("power", power(.04, 10, 10, .06), power(.04, 10, 30, .04))
    print("order power", f(1-s.nct.cdf(s.t.ppf(.95, 9), 9, .02/.03*10**.5)))
